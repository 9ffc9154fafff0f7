"""From images to features: what the machine sees of each item."""
