let own = subgroup * matrixSide * matrixSide;
for (var m = 0u; m < across * across; m++) {
  subgroupMatrixStore(&sums, own, products[m], false, matrixSide);
  workgroupBarrier();
  for (var i = subgroupLane; i < matrixSide * matrixSide / 4u; i += subgroupLanes) {
    let token = firstToken + quarterToken + (m / across) * matrixSide + i / (matrixSide / 4u);
    let column = firstColumn + (quarterColumn + (m % across) * matrixSide) / 4u + i % (matrixSide / 4u);
    let at = own + 4u * i;
    storeSum(token, column, vec4<f32>(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]));
  }
  workgroupBarrier();
}
