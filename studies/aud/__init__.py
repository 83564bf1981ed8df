"""The AUD study: does a published group difference come out of counterfactual images?"""
