"""The shipped segmenter: a UNet and an atlas, with weights trained on the phantom's training controls."""
