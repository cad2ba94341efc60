"""Records of the operators that are not composed of others: plain forms for every device, compiled loops for the CPU."""
