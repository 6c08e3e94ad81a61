"""What the house will use and the sun will give: pure models over measured history, in numpy."""
