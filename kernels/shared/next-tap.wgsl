// The next step is of the same tap, or of the first channels of the next one; past the last tap no token has any.
channel4 += stepInputs / 4u;
if (channel4 >= inWidth / 4u) {
  channel4 = 0u;
  tapBit <<= 1u;
  // Taps 3, 6, 9 and so on begin a row of three, 9 and 18 a plane of three rows.
  let rows = select(0i, i32(depth) - 3i, (tapBit & 0x1249248u) != 0u);
  let planes = select(0i, (i32(gridWidth) - 3i) * i32(depth), (tapBit & 0x40200u) != 0u);
  away += (1i + rows + planes) * i32(inWidth / 4u);
}
