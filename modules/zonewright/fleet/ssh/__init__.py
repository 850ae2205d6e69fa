"""Sessions with hosts: the seam, paramiko behind it, whose keys are trusted, and hosts in memory."""
