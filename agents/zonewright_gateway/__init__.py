"""The gateway of a site: reads meters, PDUs, UPSs and BMCs over their own protocols, for the host that it runs on.

It is the agent of its host with more sources: it shares the agent's settings, spool, sending, token and key. It needs
Python 3.11 and the libraries of the extra `gateway`, and loads those of the protocols that its devices speak.
"""
