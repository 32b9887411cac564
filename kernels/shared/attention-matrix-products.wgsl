for (var i = 0u; i < across; i++) {
  for (var j = 0u; j < keyMatrices; j++) {
    let at = (subgroup * ownRows + i * matrixSide) * logitStride + j * matrixSide / 4u;
    subgroupMatrixStore<row_major>(&products, at, made[i * keyMatrices + j], logitStride);
  }
}
