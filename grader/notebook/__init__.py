"""What a learner touches in a notebook: the lab, its magics, the attempts and the workspace."""
