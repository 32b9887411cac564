// Where a token's channels of a head begin in dy and y.
fn gradientAt(token: u32, head: u32) -> u32 {
  return token * (outWidth / 4u) + head * (headWidth / 4u);
}
