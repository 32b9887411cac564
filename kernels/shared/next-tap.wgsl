// The next step is of the same tap, or of the first channels of the next one; past the last tap no token has any.
channel4 += stepInputs / 4u;
if (channel4 >= inWidth / 4u) {
  channel4 = 0u;
  tapBit <<= 1u;
  tapColumn = select(tapColumn + 1u, 0u, tapColumn == 2u);
  away += i32(inWidth / 4u);
  if (tapColumn == 0u) {
    tapRow = select(tapRow + 1u, 0u, tapRow == 2u);
    away += (i32(depth) - 3i) * i32(inWidth / 4u);
    if (tapRow == 0u) {
      away += (i32(gridWidth) - 3i) * i32(depth * (inWidth / 4u));
    }
  }
}
