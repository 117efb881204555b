"""The pages that people work with: rendered here, complete without JavaScript, and loading nothing from elsewhere."""
