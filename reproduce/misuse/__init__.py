"""What a picture is misused for."""
