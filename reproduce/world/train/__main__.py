"""`python -m reproduce.world.train STAGE`."""

from .stages import main

if __name__ == "__main__":
    main()
