"""What a face network says of one face."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Face:
    """box: x0, y0, x1, y1; points: left eye, right eye, nose tip, left and right corner of the mouth, left as seen; all in pixels."""

    box: tuple[float, float, float, float]
    score: float  # 0 to 1
    points: tuple[tuple[float, float], ...]
