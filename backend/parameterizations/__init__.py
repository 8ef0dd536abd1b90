"""What is optimised: parameters -> texture or image."""
