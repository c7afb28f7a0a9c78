"""How far the networks that judge faces are to be trusted (notebook 06): on drawn people that no training saw."""

from ..engine.jobs import Job, Result
from ..measure import face
from ..world.train import face_quality

LINES = {  # key of face_quality -> what a reader is told, floor, goal
    "found": ("detector: pictures of people in which every face is found", "99 %", "99.9 %"),
    "none_found": ("detector: people-free scenes in which none is", "99 %", "99.9 %"),
    "points_off": ("detector: distance of its five points, in heights of the head", "–", "–"),
    "eer": ("embedder: equal error rate, across scenes and framings", "5 %", "1 %"),
    "right": ("embedder: right person among 16, by four pictures", "–", "–"),
    "disguised": ("embedder: equal error rate where one wears another's hair, glasses and beard (chance: 50 %)", "–", "–"),
    "right_disguised": ("embedder: right person among 16, so disguised (chance: 6 %)", "–", "–"),
}


def networks(study, faces, pictures, people):
    """Rows what, measured, floor, goal: of a detector on so many pictures, of an embedder on so many people.

    faces: the networks' name and fingerprint; None gives one row that says so.
    """
    if faces is None:
        return [dict(what="no face networks here", measured="–", floor="–", goal="–")]
    jobs = [Job("experiments.face_networks:judged", dict(faces=faces, kind=kind, count=count)) for kind, count in
            (("detection", pictures), ("recognition", people))]  # fmt: skip
    found = {name: value for row in study.sweep("face networks", jobs).rows for name, value in row.items()}
    rows = []
    for name, (what, floor, goal) in LINES.items():
        if found.get(name) is not None:
            told = f"{found[name]:.3f}" if name == "points_off" else f"{100 * found[name]:.1f} %"
            rows.append(dict(what=what, measured=told, floor=floor, goal=goal))
    return rows


def judged(profile, values, pictures):
    """One row of numbers: see world.train.face_quality. values: faces, kind ("detection", "recognition"), count."""
    return Result([getattr(face_quality, values["kind"])(face.faces(profile.model.judges), values["count"])])
