"""What a measure is given of a network: outputs, a layer, weights, the network itself."""
