"""The loop against closed forms: where the best point of a budget is known, and by hand for the steps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reproduce import images as pixels
from reproduce import protect, rng
from reproduce.attack.budgets import L2, Linf, budget, fit
from reproduce.attack.pgd import expectation, pgd


def photos(count=2, height=6, width=5, seed=0):
    return pixels.quantise(torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed)))


def generators(count, seed=0):
    return [rng.generator(seed, i) for i in range(count)]


def weights(x, seed=9):
    return torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(seed))


def linear(x):
    return (x * weights(x)).flatten(1).sum(1)


def change(a, b):
    return pixels.levels(a).int() - pixels.levels(b).int()


def test_linf_reaches_the_corner_that_minimises_a_linear_loss():
    x = photos()
    got = pgd(x, linear, budget=Linf(8), steps=9, step=1)
    stored = pixels.levels(x).int()
    corner = (stored - 8 * weights(x).sign().int()).clamp(0, 255)
    assert torch.equal(pixels.levels(got).int(), corner)


def test_l2_goes_along_the_gradient_and_stays_inside_as_stored():
    x = 0.4 + 0.2 * photos()  # far from black and white, so that only the ball binds
    origin = pixels.quantise(x)
    got = pgd(x, linear, budget=L2(100), steps=30, step=10)
    moved = change(got, origin).double()
    norm = moved.flatten(1).norm(dim=1)
    assert (norm <= 100).all() and (norm > 97).all()
    ideal = -weights(x).double() / weights(x).double().norm() * 100
    assert (moved - ideal).abs().max() < 1.5  # half a level of rounding, and the scale that keeps it inside


def test_one_step_by_hand_with_decay():
    x = photos(1) * 0.5 + 0.25
    origin = pixels.quantise(x)
    trail = []
    pgd(x, linear, budget=Linf(50), steps=4, step=10, decay=0.01, callback=lambda i, x, v: trail.append(x))
    lengths = [10 - (10 - 0.1) / 4 * i for i in range(4)]
    assert lengths[0] == 10 and lengths[3] == pytest.approx(2.575)
    for i in range(4):
        expected = origin - weights(x).sign() * sum(lengths[: i + 1]) / 255
        torch.testing.assert_close(trail[i], expected, atol=1e-6, rtol=0)


def test_momentum_keeps_a_share_of_the_direction_so_far():
    origin, trail, share = pixels.quantise(photos(2) * 0.5 + 0.25), [], 0.75

    def loss(x):
        return (x - weights(x)).square().flatten(1).sum(1)

    rule = dict(budget=L2(1000), steps=4, step=20, momentum=share)
    pgd(origin, loss, **rule, callback=lambda i, x, v: trail.append(x))
    x, ahead = origin, torch.zeros_like(origin)
    for got in trail:
        gradient = 2 * (x - weights(x))
        ahead = share * ahead + gradient / gradient.abs().mean((1, 2, 3), keepdim=True)
        x = x - 20 / 255 * ahead / ahead.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        torch.testing.assert_close(got, x)


def test_momentum_goes_down_a_narrow_valley_where_sign_steps_swing_across():
    origin = torch.full((1, 3, 8, 8), 128 / 255)

    def loss(x):  # pairs of values: their sum is steep, their difference, 20 levels from its goal, is flat
        change = 255 * (x - origin)
        one, other = change[..., ::2], change[..., 1::2]
        return (400 * (one + other - 1).square() + (one - other - 20).square()).mean((1, 2, 3))

    left = [loss(pgd(origin, loss, budget=Linf(16), steps=60, step=4, decay=0.04, momentum=m)).item() for m in (0, 0.75)]
    assert left[1] < 0.2 * left[0]


def test_callback_sees_the_loss_before_each_step_and_the_loss_falls():
    x = photos()
    seen = []
    pgd(x, linear, budget=Linf(8), steps=5, step=1, callback=lambda i, x, v: seen.append((i, x, v)))
    assert [i for i, _, _ in seen] == [0, 1, 2, 3, 4] and not seen[0][2].requires_grad
    torch.testing.assert_close(seen[0][2], linear(x))
    for (_, before, _), (_, _, after) in zip(seen, seen[1:], strict=False):
        torch.testing.assert_close(after, linear(before))
    assert (seen[-1][2] < seen[0][2]).all()


@settings(max_examples=60, deadline=None)
@given(
    eps=st.floats(0.3, 255),
    step=st.floats(0.1, 300),
    steps=st.integers(1, 4),
    start=st.sampled_from(["zero", "uniform"]),
    seed=st.integers(0, 5),
    wide=st.booleans(),
)
def test_linf_budget_holds_on_stored_levels(eps, step, steps, start, seed, wide):
    x = photos(2, 3, 4, seed) if not wide else photos(2, 3, 4, seed).round()  # black and white
    got = pgd(x, linear, budget=Linf(eps), steps=steps, step=step, start=start, generator=generators(2, seed))
    assert change(got, x).abs().max() <= eps
    assert torch.equal(got, pixels.quantise(got))


@settings(max_examples=60, deadline=None)
@given(
    radius=st.floats(0.3, 3000),
    step=st.floats(0.1, 3000),
    start=st.sampled_from(["zero", "uniform"]),
    seed=st.integers(0, 5),
)
def test_l2_budget_holds_on_stored_levels(radius, step, start, seed):
    x = photos(2, 3, 4, seed)
    got = pgd(x, linear, budget=L2(radius), steps=3, step=step, start=start, generator=generators(2, seed))
    assert (change(got, x).double().flatten(1).norm(dim=1) <= radius).all()
    assert torch.equal(got, pixels.quantise(got))


def test_the_original_is_rounded_first_and_fractional_budgets_are_floored():
    x = photos() * 0.8 + 0.1 + 0.3 / 255  # between levels
    origin = pixels.quantise(x)
    got = pgd(x, linear, budget=Linf(7.65), steps=20, step=2.55)
    moved = change(got, origin)
    assert torch.equal(moved, -7 * weights(x).sign().int().expand_as(moved))


def test_finish_is_the_nearest_stored_image_in_the_budget():
    origin = torch.full((1, 3, 1, 3), 100 / 255)
    x = torch.tensor([100.4, 107.65, 300.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3) / 255
    assert (Linf(7.65).finish(x, origin) * 255).round()[0, 0, 0].tolist() == [100, 107, 107]
    assert (Linf(255).finish(x, origin) * 255).round()[0, 0, 0].tolist() == [100, 108, 255]


def test_fit_takes_the_last_image_on_the_line():
    origin = torch.zeros(1, 3, 4, 4)
    x = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 40 / 255
    radius = torch.tensor([60.0], dtype=torch.float64)
    got = (fit(x, origin, radius) * 255).round()
    assert got.double().norm() <= 60
    lines = torch.stack([(x * 255 * s).round() for s in torch.linspace(0, 1, 4001)])
    norms = lines.double().flatten(1).norm(dim=1)
    assert got.double().norm() >= norms[norms <= 60].max()
    assert torch.equal((fit(x, origin, radius * 100) * 255).round(), (x * 255).round())


def test_projection_goes_to_the_border_and_no_further():
    x = 0.4 + 0.2 * photos()
    push = weights(x).sign() + weights(x) / 100
    for level in (1, 7.65, 16):
        torch.testing.assert_close(Linf(level).project(x + push, x), x + push.sign() * level / 255, atol=1e-6, rtol=0)
        moved = (L2(level * 10).project(x + push, x) - x).mul(255).flatten(1)
        torch.testing.assert_close(moved.norm(dim=1), torch.full((len(x),), level * 10.0), atol=0, rtol=1e-3)
        along = torch.nn.functional.cosine_similarity(moved, push.expand_as(x).flatten(1))
        torch.testing.assert_close(along, torch.ones(len(x)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("budget", [Linf(8), L2(90)])
def test_projection_keeps_the_range_and_leaves_alone_what_is_inside(budget):
    x = photos()
    inside = (x + (torch.rand(x.shape) - 0.5) * (4 / 255)).clamp(0, 1)
    torch.testing.assert_close(budget.project(inside, x), inside, atol=1e-7, rtol=0)
    for level in (0.0, 1.0):
        flat = torch.full_like(x, level)
        outside = budget.project(flat + weights(x), flat)
        assert outside.min() >= 0 and outside.max() <= 1 and not torch.equal(outside, flat)


def test_start_is_uniform_in_the_budget_and_zero_means_zero():
    x = torch.full((1, 3, 64, 64), 0.5)
    noise = (Linf(20).random_start(x, rng.generator(1)) - x) * 255
    assert noise.abs().max() <= 20.001 and noise.abs().max() > 19.9 and abs(noise.mean()) < 0.4
    assert abs(noise.std() - 20 / 3**0.5) < 0.3
    ball = (L2(500).random_start(x, rng.generator(1)) - x) * 255
    assert ball.norm() == pytest.approx(500, rel=1e-4)
    flat = pgd(x, lambda z: z.flatten(1).sum(1) * 0, budget=Linf(20), steps=1, step=1)
    assert torch.equal(flat, pixels.quantise(x))


def test_an_image_does_not_depend_on_its_batch_mates():
    x = photos(4)

    def bowl(z):  # elementwise, so that no kernel may change the bits with the batch
        return ((z - 0.3) ** 2 * weights(z)).flatten(1).sum(1)

    for ball, step in ((Linf(8), 2), (L2(60), 9)):

        def run(part, ball=ball, step=step):
            named = [rng.generator(0, i) for i in part]
            return pgd(x[part], bowl, budget=ball, steps=5, step=step, start="uniform", generator=named)

        together = run([0, 1, 2, 3])
        assert torch.equal(run([2]), together[2:3]) and torch.equal(run([3, 1]), together[[3, 1]])
        assert not torch.equal(together, pixels.quantise(x))


@pytest.mark.parametrize("budget", [Linf(8), L2(80)])
@pytest.mark.parametrize("start", ["zero", "uniform"])
def test_mask_confines_the_change(budget, start):
    x = photos()
    mask = torch.zeros(2, 1, 6, 5)
    mask[0, :, :3] = 1
    mask[1, :, :, 2:] = 0.6
    mask[1, :, :, :2] = 0.4
    got = pgd(x, linear, budget=budget, steps=6, step=20, start=start, generator=generators(2), mask=mask)
    moved = change(got, x).abs()
    inside = (mask >= 0.5).expand_as(moved)
    assert moved[~inside].max() == 0 and (moved[inside] > 0).float().mean() > 0.5
    if isinstance(budget, L2):  # the length of a step is spent inside the mask alone
        assert (moved.double().flatten(1).norm(dim=1) > 75).all()


def test_expectation_averages_transforms():
    x = photos()
    got = expectation(linear, [lambda z: z * 0.5, lambda z: z.flip(3), None])(x)
    torch.testing.assert_close(got, (linear(x * 0.5) + linear(x.flip(3)) + linear(x)) / 3)


def test_draws_average_gradients_and_values():
    x, drawn, seen = photos(), [], []

    def noisy(z):  # the gradient of each draw is its own weights
        drawn.append(torch.randn(z.shape[1:], generator=rng.generator(len(drawn))))
        return (z * drawn[-1]).flatten(1).sum(1)

    got = pgd(x, noisy, budget=L2(100), steps=1, step=90, draws=4, callback=lambda i, z, v: seen.append((z, v)))
    assert len(drawn) == 4
    mean = torch.stack(drawn).mean(0)
    expected = pixels.quantise(x) - 90 / 255 * mean / mean.norm()
    inside = (expected >= 0) & (expected <= 1)
    torch.testing.assert_close(seen[0][0][inside], expected[inside])
    torch.testing.assert_close(seen[0][1], (pixels.quantise(x) * mean).flatten(1).sum(1))
    assert (L2(100).spent(got, x) <= 90.5).all()


def test_budget_by_name_means_root_mean_square_for_l2():
    x = photos(1, 32, 32)
    assert budget("linf", 8, x) == Linf(8)
    assert budget("l2", 2.5, x) == L2(2.5 * (3 * 32 * 32) ** 0.5)
    with pytest.raises(ValueError, match="norm.*linf.*l2"):
        budget("l1", 2.5, x)


@pytest.mark.parametrize("one", [Linf(8), L2(120)])
def test_spent_is_what_the_stored_image_used(one):
    x = photos()
    got = pgd(x, linear, budget=one, steps=30, step=8)
    moved = change(got, x).double().flatten(1)
    torch.testing.assert_close(one.spent(got, x).double(), moved.abs().amax(1) if isinstance(one, Linf) else moved.norm(dim=1))


def test_gradients_that_break_are_reported_not_swallowed():
    x = photos()

    def broken(z):
        return (z * torch.tensor([1.0, float("nan")]).view(2, 1, 1, 1)).flatten(1).sum(1)

    with pytest.raises(ValueError, match=r"images\[1\].*NaN"):
        pgd(x, broken, budget=Linf(8), steps=2, step=1)


def test_works_under_no_grad_and_leaves_no_graph():
    x = photos()
    with torch.no_grad():
        got = pgd(x, linear, budget=Linf(8), steps=2, step=1)
    assert not got.requires_grad
    tracked = pgd(x.clone().requires_grad_(True), linear, budget=Linf(8), steps=2, step=1)
    assert torch.equal(got, tracked) and not tracked.requires_grad


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 2.5}, "steps"),
        ({"draws": 0}, "draws"),
        ({"step": 0}, "step"),
        ({"step": float("nan")}, "step"),
        ({"decay": 2}, "decay"),
        ({"momentum": 1}, "momentum: expected the share that is kept"),
        ({"start": "random"}, "start"),
        ({"start": "uniform"}, "generator"),
        ({"mask": torch.ones(2, 3, 6, 5)}, "mask"),
        ({"loss": lambda z: z.sum()}, "loss.*per image"),
    ],
)
def test_bad_arguments(change, said):
    arguments = {"loss": linear, "budget": Linf(8), "steps": 2, "step": 1, **change}
    with pytest.raises(ValueError, match=said) as error:
        pgd(photos(), arguments.pop("loss"), **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("bad", [0, -1, 256, float("nan"), float("inf"), True, "8", None])
def test_bad_budgets(bad):
    with pytest.raises(ValueError, match="eps.*grey levels"):
        Linf(bad)
    if bad != 256:
        with pytest.raises(ValueError, match="radius.*grey levels"):
            L2(bad)


@given(
    eps=st.integers(1, 32), share=st.floats(0.2, 1), seed=st.integers(0, 2**31), start=st.sampled_from(["zero", "uniform"]),
    masked=st.booleans(), momentum=st.sampled_from([0.0, 0.9]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_both_bounds_hold_on_stored_levels_over_what_may_change(eps, share, seed, start, masked, momentum):
    chance = rng.generator(seed, "both")
    images, pull = torch.rand(2, 3, 8, 8, generator=chance), torch.randn(2, 3, 8, 8, generator=chance)
    mask = (torch.rand(2, 1, 8, 8, generator=chance) > 0.4).float() if masked else None
    rms = max(0.5, share * eps)
    both = budget("linf", eps, images, rms=rms, allowed=mask)
    rule = dict(steps=4, step=eps / 2, start=start, generator=[rng.generator(seed, i) for i in range(2)], mask=mask, momentum=momentum)
    made = pgd(images, lambda x: (x * pull).flatten(1).sum(1), budget=both, **rule)
    moved = (made - pixels.quantise(images)).mul(255).round()
    room = 3 * (mask.flatten(1).sum(1) if masked else torch.full((2,), 64.0))
    assert moved.abs().max() <= eps
    assert (moved.square().flatten(1).sum(1) <= room * rms**2 * (1 + 1e-6)).all()
    assert torch.equal(both.spent(made, pixels.quantise(images)), moved.abs().flatten(1).amax(1))


def test_both_bounds_are_reached_and_a_wide_norm_is_no_bound():
    images = torch.full((1, 3, 16, 16), 0.5)

    def attack(**bound):
        rule = dict(steps=8, step=4, start="uniform", generator=[rng.generator(3)])
        return pgd(images, lambda x: x.flatten(1).sum(1), budget=budget("linf", 16, images, **bound), **rule)

    moved = (attack(rms=8) - pixels.quantise(images)).mul(255).round()
    assert moved.square().mean().sqrt().item() == pytest.approx(8, abs=0.3)
    assert torch.equal(attack(rms=16), attack())
    with pytest.raises(ValueError, match="rms: expected grey levels .* at most 16"):
        budget("linf", 16, images, rms=17)


def test_a_smaller_budget_keeps_the_share_of_both_bounds():
    whole = protect.record("photoguard-encoder", "equal norm")
    small = protect.record("photoguard-encoder", "equal norm", eps=4)
    assert (small.eps, small.step, small.rms) == (4, whole.step / 4, whole.rms / 4)
    assert protect.record("photoguard-encoder", "paper", eps=4).rms is None
