for (var n = 0u; n < ownBlocks; n++) {
  let i = n * threads + lane;
  if (blockCount % threads == 0u || i < blockCount) {
    let at = (blockColumn(i, productColumns) * 4u * stride + blockInput(i, productColumns)) / 4u;
    for (var c = 0u; c < 4u; c++) {
      weights[at + c * (stride / 4u)] = vec4<component>(nextWeights[n][0][c], nextWeights[n][1][c], nextWeights[n][2][c], nextWeights[n][3][c]);
    }
  }
}
