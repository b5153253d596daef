"""What a valid image is, and how a file becomes one (see ``README.md``)."""
