// Four channels of a token's query (part 0), key (1) or value (2) in a head, by its number in the window; zeros beyond both.
fn channelsOf(index: u32, c: u32, part: u32, corner: vec3<u32>, head: u32) -> vec4<component> {
  if (c >= headWidth / 4u || index >= window * window * window) {
    return vec4<component>(0.0);
  }
  return vec4<component>(qkv[tokenIndex(corner + placeOf(index)) * (qkvWidth / 4u) + (part * heads + head) * (headWidth / 4u) + c]);
}
