// Four channels of the query, key or value of one of a vec4 of others, which 16 invocations share.
fn otherChannels(lane: u32, vector: u32, corner: vec3<u32>, part: u32, head: u32, c: u32) -> vec4<f32> {
  return headChannels(headAt(tokenIndex(corner + otherPlace(vector, lane / 16u)), part, head), c);
}
