"""For ill disks: what damage left is found, set aside and brought over."""
