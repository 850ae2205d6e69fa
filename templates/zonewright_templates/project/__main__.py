"""The program of every stack: what it deploys is in the declaration that its configuration names."""

from zonewright.program import deploy

deploy()
