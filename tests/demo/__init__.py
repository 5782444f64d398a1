"""`make demo`: the shop's main job, played by a stranger over HTTP."""
