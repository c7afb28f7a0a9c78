"""Is it still the person: what face networks tell of an edit, beside the similarity of pixels. Columns face, same_face, face_rank."""

from ..measure import face
from ..method import Unavailable

COMPARED = [["{}", "edit", None, ["face"]], ["{}", "edit", "photo", ["same_face", "face_rank"]]]


def compared(study):
    """The comparisons of an edit's face to the clean photograph's, for Grid.compare; none where the profile's networks are not here."""
    return COMPARED if networks(study) else []


def networks(study):
    """The name of the networks that tell; None where they are not here."""
    try:
        return face.faces(study.judges).name
    except Unavailable:
        return None
