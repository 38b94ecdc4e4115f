"""What two models see."""
