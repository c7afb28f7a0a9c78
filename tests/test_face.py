"""Faces in pictures: known answers of networks that find squares; renders, spoiled renders and empty scenes by the bundled ones."""

import importlib.util
import math

import facekit
import numpy as np
import pytest
import torch
from facekit import BLUE, GREEN, PINK, RED, Dropping, Plain, Squares, picture, pictures

from reproduce.diffusion import judges
from reproduce.diffusion.profiles import BUNDLE
from reproduce.measure import MEASURES, face, face_full, number
from reproduce.measure.face_kind import Face
from reproduce.method import Unavailable
from reproduce.report import faces as report
from reproduce.world import render
from reproduce.world.draw.spec import sample_specs

NAN = math.nan


def refusal(call, said, kind=ValueError):
    with pytest.raises(kind, match=said) as error:
        call()
    assert "\n" not in str(error.value)


def close(got, want, tolerance=1e-6):
    assert got.dtype == torch.float64 and got.shape == (len(want),)
    torch.testing.assert_close(got, torch.tensor(want, dtype=torch.float64), atol=tolerance, rtol=0, equal_nan=True)


def test_the_largest_face_is_taken_and_a_picture_without_one_is_nan():
    images = torch.stack([picture(((2, 2), 6, RED), ((14, 14), 12, BLUE)), picture(), picture(((20, 2), 5, GREEN))])
    found = face.find(images, Squares())
    assert found.detected.tolist() == [True, False, True] and found.faces[1] is None
    assert found.faces[0].box == (14, 14, 26, 26) and isinstance(found.faces[2], Face)
    want = torch.tensor([[0, 0, 0.5], [NAN] * 3, [0, 0.4, 0]])
    torch.testing.assert_close(found.embeddings, want, equal_nan=True)
    assert found.embeddings.dtype == torch.float32


def test_pictures_go_through_in_batches_and_each_is_as_alone(monkeypatch):
    images, nets = pictures(RED, None, GREEN, BLUE, RED), Squares()
    whole = face.find(images, nets)
    monkeypatch.setattr(face, "BATCH", 2)
    nets.batches.clear()
    parts = face.find(images, nets)
    assert nets.batches == [2, 2, 1] and parts.faces == whole.faces
    torch.testing.assert_close(parts.embeddings, whole.embeddings, equal_nan=True, atol=0, rtol=0)


def test_the_reference_is_the_mean_of_raw_embeddings_and_skips_failures():
    """GAP-Diff: plain mean of embeddings that are not of unit length, so that a strong one weighs more."""
    own = face.reference(pictures(RED, None, GREEN), Squares())
    torch.testing.assert_close(own, torch.tensor([0.25, 0.2, 0]))
    close(face.ism(pictures(RED, GREEN, BLUE, None), own, Squares()), [25 / 1025**0.5, 20 / 1025**0.5, 0, NAN])
    assert abs(25 / 1025**0.5 - 0.5**0.5) > 0.07  # of unit vectors both would be 0.707
    refusal(lambda: face.reference(pictures(None, None), Squares()), "squares found no face in any of 2 clean pictures; give pictures")


def test_a_picture_is_found_or_not():
    close(face.seen(pictures(RED, None, BLUE), Squares()), [1, 0, 1], 0)
    close(face.seen(pictures(None), Squares()), [0], 0)


def test_where_no_picture_has_a_face_nothing_is_measured():
    none, own = pictures(None, None), torch.tensor([1.0, 0, 0])
    assert face.find(none, Squares()).embeddings.shape == (2, 0) and not face.find(none, Squares()).detected.any()
    close(face.ism(none, own, Squares()), [NAN, NAN])
    close(face.rank(none, torch.eye(3), Squares()), [NAN, NAN])
    close(face.serfiq(none, Squares()), [NAN, NAN])
    close(face.same(none, pictures(RED, RED), Squares()), [NAN, NAN])
    close(face.same(pictures(RED, RED), none, Squares()), [NAN, NAN])


def test_the_right_person_among_sixteen_is_the_nearest_reference():
    generator = torch.Generator().manual_seed(1)
    others = torch.nn.functional.normalize(torch.randn(15, 3, generator=generator), dim=1)
    references = torch.cat([torch.tensor([[0.5, 0, 0]]), 9 * others])  # their length is none of the matter
    cosines = others @ torch.nn.functional.normalize(torch.tensor([[0.5, 0, 0], [0.5, 0, 0.4], [0, 0, 0.5]]), dim=1).T
    pink, blue = 0.5 / 0.41**0.5, 0.0
    want = [1, 1 + int((cosines[:, 1] > pink).sum()), 1 + int((cosines[:, 2] > blue).sum())]
    assert want[1] > 1 < want[2] and want[1] != want[2]
    close(face.rank(pictures(RED, PINK, BLUE, None), references, Squares()), [*want, NAN], 0)


def test_a_reference_that_is_there_twice_is_no_hit():
    close(face.rank(pictures(RED), torch.tensor([[1.0, 0, 0], [1.0, 0, 0]]), Squares()), [2], 0)


def test_edits_are_held_against_their_own_clean_pictures():
    got = face.same(pictures(RED, RED, PINK, None, RED), pictures(RED, GREEN, RED, RED, None), Squares())
    close(got, [1, 0, 0.5 / 0.41**0.5, NAN, NAN])
    refusal(lambda: face.same(pictures(RED, RED), pictures(RED), Squares()), "as many pictures in y as in x, 2, got 1")


def test_serfiq_of_passes_that_agree_and_of_passes_at_right_angles():
    close(face.serfiq(pictures(RED, None), Squares()), [1, NAN])
    for passes in (2, 5, 100):
        close(face.serfiq(pictures(RED), Squares(apart=True), passes), [2 / (1 + math.exp(math.sqrt(2)))])


def test_serfiq_is_what_scikit_learns_distances_make_of_the_upper_triangle():
    from sklearn.metrics.pairwise import euclidean_distances
    from sklearn.preprocessing import normalize

    from reproduce.rng import generator

    images, nets = pictures(RED, PINK, GREEN), Dropping()
    want = []
    for i in range(3):
        made = nets.passes(images[i : i + 1], [nets.detect(images[i : i + 1])[0][0]], 20, [generator(0, "ser-fiq")])[0]
        apart = euclidean_distances(normalize(made.double().numpy()))
        want.append(2 / (1 + np.exp(apart[np.triu_indices(20, 1)].mean())))
    got = face.serfiq(images, nets, 20)
    close(got, want)
    assert got.std() > 0.01 and got.max() < 0.95  # the three differ, and dropout counts


def test_serfiq_does_not_depend_on_order_or_batch(monkeypatch):
    images = pictures(RED, None, PINK, GREEN)
    whole = face.serfiq(images, Dropping(), 10)
    order = [3, 0, 2, 1]
    torch.testing.assert_close(face.serfiq(images[order], Dropping(), 10), whole[order], equal_nan=True, atol=0, rtol=0)
    monkeypatch.setattr(face, "BATCH", 1)
    torch.testing.assert_close(face.serfiq(images, Dropping(), 10), whole, equal_nan=True, atol=0, rtol=0)
    refusal(lambda: face.serfiq(images, Dropping(), 1), "passes: expected a whole number, 2 or more, got 1")


def test_all_of_them_from_one_detection_are_the_same_numbers():
    images, nets = pictures(RED, None, PINK), Dropping()
    references = torch.tensor([[0.1, 0, 0.4], [1.0, 0, 0]])
    got = face.told(images, references, nets, 10)
    assert nets.batches == [3] and list(got) == ["face", "ism", "rank", "serfiq"]
    close(got["face"], face.seen(images, nets).tolist(), 0)
    close(got["ism"], face.ism(images, references, nets).tolist(), 0)
    close(got["rank"], [2, NAN, 1], 0)  # pink: 0.796 to its own, 0.781 to the other
    close(got["serfiq"], face.serfiq(images, nets, 10).tolist(), 0)


def test_serfiq_of_a_network_without_dropout_is_not_measured():
    close(face.serfiq(pictures(RED, BLUE), Plain()), [NAN, NAN])


def test_each_convention_of_a_whole_sequence_of_pictures_is_another_number():
    """Three people: Ann is found twice of four and like herself, Bob once of two, Cem never."""
    shown = {
        "Ann": (RED, pictures(RED, None, PINK, None)),
        "Bob": (BLUE, pictures(RED, None)),
        "Cem": (GREEN, pictures(None, None, None)),
    }
    nets, rows = Squares(), []
    references = {name: face.reference(pictures(colour, colour), nets) for name, (colour, _) in shown.items()}
    for name, (_, images) in shown.items():
        stack = torch.stack([references[name], *(one for other, one in references.items() if other != name)])
        values = {key: MEASURES[key].function for key in ("face", "ism", "rank", "serfiq")}
        found = {key: run(images, stack, nets) if key in ("ism", "rank") else run(images, nets) for key, run in values.items()}
        rows += [dict(subject=name) | {key: number(one[i]) for key, one in found.items()} for i in range(len(images))]
    [line] = report.table(rows)
    pink = 0.5 / 0.41**0.5  # Ann: red is 1, pink this; Bob's red is 0 to blue
    assert (line["people"], line["pictures"], line["faceless"]) == (3, 9, 1)
    for name, want in {
        "fdfr": 100 * (2 / 4 + 1 / 2 + 1) / 3,
        "ism_gap-diff": ((1 + pink) / 2 + 0 + 0) / 3,
        "ism_anti-dreambooth": ((1 + pink) / 2 + 0) / 2,
        "ism_all pictures": ((1 + pink) / 4 + 0 + 0) / 3,
        "serfiq_gap-diff": (2 / 4 + 1 / 2 + 0) / 3,
        "serfiq_anti-dreambooth": (1 + 1) / 2,
        "serfiq_spread_gap-diff": (2 / 4 + 1 / 2 + 0) / 3 / (1 + math.exp(-130 * 0.12)),
        "right_all": 100 * (2 / 4 + 0 + 0) / 3,
        "right_detected": 100 * (1 + 0) / 2,
    }.items():
        assert line[name][0] == pytest.approx(want, abs=1e-6), name
    isms = [line[f"ism_{name}"][0] for name in ("gap-diff", "anti-dreambooth", "all pictures")]
    assert min(abs(a - b) for a, b in zip(isms, isms[1:] + isms[:1], strict=True)) > 0.05
    assert line["serfiq_anti-dreambooth"][0] - line["serfiq_gap-diff"][0] > 0.5


@pytest.mark.parametrize("name", ["same_face", "face", "serfiq", "ism", "rank"])
def test_the_table_has_them_with_what_they_need(name):
    row = MEASURES[name]
    assert row.needs == "faces" and row.source
    x, nets = pictures(RED, GREEN), Squares()
    given = {"pair": (x, x), "alone": (x,), "identity": (x, torch.eye(3))}[row.kind]
    assert row.function(*given, nets).tolist() == {"rank": [1, 3], "ism": [1, 0]}.get(name, [1, 1])


def test_bad_input_is_refused_in_one_line():
    nets, x = Squares(), pictures(RED)
    refusal(lambda: face.seen(x[0], nets), "shape")
    refusal(lambda: face.find(x * 2, nets), "0, 1")
    refusal(lambda: face.ism(x, [1, 2, 3], nets), r"reference: expected a tensor \(D,\) or \(M, D\), got list; make one with")
    refusal(lambda: face.ism(x, torch.ones(4), nets), "expected 3 values, got 4; make it by the same networks")
    refusal(lambda: face.ism(x, torch.tensor([NAN, 0, 1]), nets), "all of them finite")
    refusal(lambda: face.rank(x, torch.ones(3), nets), "reference: expected 2 or more")


def test_networks_are_opened_by_the_judges_word(monkeypatch):
    assert (judges.BUNDLED.faces, judges.FULL.faces) == ("bundled", "retinaface+arcface")
    assert {judges.BUNDLED.faces, judges.FULL.faces} < set(face.NETWORKS)
    assert face.identify(judges.FULL) == ("RetinaFace and ArcFace (uniface)", face_full.KNOWN["retinaface+arcface"][1])
    assert set(face_full.KNOWN) == set(face.NETWORKS) - {"bundled"} and len({mark for _, mark in face_full.KNOWN.values()}) == 2
    asked = []
    monkeypatch.setattr(face, "resolve", lambda place: lambda device: asked.append((place, device)) or Squares())
    assert face.faces(judges.FULL, "cuda").name == "squares" and asked == [("measure.face_full:retinaface_arcface", "cuda")]
    other = judges.Judges("bundled", "bundled", "bundled", "eigenfaces")
    refusal(lambda: face.identify(other), "no networks called 'eigenfaces'")
    refusal(lambda: face.faces(other), "no networks called 'eigenfaces'; there is bundled, retinaface.arcface, yunet.sface")


def bundled():
    """The bundled networks, or a skip that says what is missing."""
    if importlib.util.find_spec("reproduce.measure.face_bundled") is None or not (BUNDLE / "faces").is_dir():
        pytest.skip("the bundle has no face networks yet: reproduce/bundle/faces")
    return face.faces(judges.BUNDLED, "cpu")


def test_renders_are_found_spoiled_ones_are_not_and_empty_scenes_never():
    nets, people = bundled(), [300_000 + i for i in range(8)]
    alone = dict(styles=["photo"], people=1, framing="photo")
    clean = render([spec for i, who in enumerate(people) for spec in sample_specs(31 + i, 4, identities=[who], **alone)]).images
    home = render([spec for i, who in enumerate(people) for spec in sample_specs(71 + i, 4, identities=[who], **alone)]).images
    empty = render(sample_specs(32, 24, styles=["photo"], people=0)).images
    tiles = clean.unfold(2, 16, 16).unfold(3, 16, 16).permute(2, 3, 0, 1, 4, 5).flatten(0, 1)
    tiles = tiles[torch.randperm(64, generator=torch.Generator().manual_seed(0))].unflatten(0, (8, 8))
    spoiled = tiles.permute(2, 3, 0, 4, 1, 5).reshape(clean.shape)
    assert face.seen(clean, nets).mean() > 0.95
    assert face.seen(spoiled, nets).mean() < 0.3
    assert face.seen(empty, nets).mean() < 0.05
    references = torch.stack([face.reference(part, nets) for part in home.split(4)])
    own, other = (face.ism(part, references[i], nets) for part, i in ((clean[:4], 0), (clean[:4], 1)))
    assert own.nanmean() > other.nanmean() + 0.2
    quality = face.serfiq(torch.cat([clean[:4], empty[:1]]), nets, 20)
    assert quality[:4].isfinite().sum() >= 3 and ((quality[:4] > 0) & (quality[:4] <= 1) | quality[:4].isnan()).all()


def test_a_missing_library_says_itself(monkeypatch):
    monkeypatch.setattr(face, "resolve", lambda place: lambda device: (_ for _ in ()).throw(Unavailable("faces: no weights here")))
    refusal(lambda: face.faces(judges.FULL), "no weights here", Unavailable)


def test_squares_are_where_they_are_painted():
    [[one]] = Squares().detect(picture(((3, 7), 9, facekit.RED))[None])
    assert one.box == (3, 7, 12, 16) and one.points[0][0] < one.points[1][0]


def test_an_edit_is_told_among_others_by_its_own_photograph():
    edits, photographs = pictures(RED, PINK, None, BLUE, GREEN), pictures(RED, RED, RED, None, BLUE)
    close(face.among(edits, photographs, pictures(GREEN, None, PINK, BLUE), Squares()), [1, 2, NAN, NAN, 4])
    assert face.among(pictures(RED), pictures(RED), pictures(RED), Squares()).tolist() == [2], "as near as another is no hit"
    assert face.among(pictures(RED), pictures(BLUE), torch.zeros(0, 3, 32, 32), Squares()).tolist() == [1]
