"""Values that everything else is made of; they import nothing of ours."""
