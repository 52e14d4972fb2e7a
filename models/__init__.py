"""What learns: layer, network, learning rule, engine, classifier, checkpoint, training."""
