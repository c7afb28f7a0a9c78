"""Is it still the person: what face networks tell of an edit, beside the similarity of pixels. Columns face, same_face, face_rank."""

from ..measure import face
from ..method import Unavailable

COMPARED = [["{}", "edit", None, ["face"]], ["{}", "edit", "photo", ["same_face", "face_rank"]]]


def networks(study):
    """([name, fingerprint] of the profile's face networks, ""), or (None, what they lack in one line)."""
    try:
        opened = face.faces(study.judges)
    except Unavailable as error:
        return None, str(error)
    return [opened.name, opened.fingerprint], ""


def name(study):
    """The networks' name; None where they are not here."""
    found, _ = networks(study)
    return found and found[0]


def compared(study):
    """The comparisons of an edit's face to the clean photograph's, for Grid.compare; none where the networks are not here."""
    return COMPARED if name(study) else []
