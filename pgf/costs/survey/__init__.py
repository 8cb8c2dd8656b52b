"""A survey of the models of timm and transformers: the layer groups that the rules tell in each."""
