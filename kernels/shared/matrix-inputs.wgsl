for (var n = 0u; n < ownInputs; n++) {
  let i = n * threads + lane;
  if (inputCount % threads == 0u || i < inputCount) {
    inputs[i / (stepInputs / 4u) * (stride / 4u) + i % (stepInputs / 4u)] = nextInputs[n];
  }
}
