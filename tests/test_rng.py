"""Named random streams: equal names give equal bits, any difference gives others, batches don't matter."""

import pytest
import torch

from reproduce import rng


def test_same_name_same_bits_and_a_golden_value():
    a = torch.rand(5, generator=rng.generator(3, "photoguard", "start", 1))
    b = torch.rand(5, generator=rng.generator(3, "photoguard", "start", 1))
    assert torch.equal(a, b)
    # SHA-256 of '[0, "x", 1]', first eight bytes, halved: fixed for ever, or committed figures change
    assert rng.child(0, "x", 1) == 5944797081500102652


def test_every_difference_in_the_name_gives_another_stream():
    names = [(0,), (1,), (-1,), (0, "a"), (0, "b"), (0, "a1"), (0, "a", 1), (0, "a", "1"), (0, "a", 1, 2)]
    names += [(0, "a", 12), (0, "a", "1", 2)]
    draws = [torch.rand(4, generator=rng.generator(*name)) for name in names]
    for i in range(len(draws)):
        for j in range(i):
            assert not torch.equal(draws[i], draws[j]), (names[i], names[j])


@pytest.mark.parametrize("bad", [(0, 1.5), (0, None), (True,), (0, True), ("0",), (0.0,)])
def test_bad_names_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        rng.child(*bad)


def test_draw_gives_each_image_its_own_numbers_whatever_the_batch():
    images = torch.zeros(3, 3, 4, 5)
    together = rng.draw("uniform", images, [rng.generator(0, i) for i in range(3)])
    alone = rng.draw("uniform", images[2:], rng.generator(0, 2))
    assert torch.equal(together[2:], alone)
    assert not torch.equal(together[0], together[1])
    many = rng.draw("uniform", torch.zeros(1, 3, 100, 100, dtype=torch.float64), rng.generator(0))
    assert many.dtype == torch.float64 and -1 <= many.min() < -0.99 < 0.99 < many.max() < 1
    normal = rng.draw("normal", torch.zeros(1, 3, 100, 100), rng.generator(0))
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.02


def test_each_wants_one_generator_per_image():
    one = rng.generator(0)
    assert rng.each(one, 1) == [one] and rng.each([one], 1) == [one]
    for given, count in ((one, 2), ([one], 2), (None, 1), ([], 1)):
        with pytest.raises(ValueError, match="one per image"):
            rng.each(given, count)
    with pytest.raises(ValueError, match="uniform or normal"):
        rng.draw("poisson", torch.zeros(1, 1), one)
