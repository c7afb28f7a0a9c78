"""The model and what is done with it: opened, asked, differentiated through, trained."""
