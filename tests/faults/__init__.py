"""What breaks around the program: kills, full disks, rotten files."""
