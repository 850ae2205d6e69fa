"""Roll-out of agents and configurations over SSH: plan, waves, verification, roll-back."""
