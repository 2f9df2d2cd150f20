"""The app `hello` that a first start can deploy: scripts as they are uploaded, not modules to import."""
