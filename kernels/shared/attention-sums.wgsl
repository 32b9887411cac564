// Four channels of the query, key or value of one of a vec4 of others, which 16 invocations share.
fn otherChannels(lane: u32, vector: u32, corner: vec3<u32>, part: u32, head: u32, c: u32) -> vec4<f32> {
  return headChannels(headAt(tokenIndex(corner + otherPlace(vector, lane / 16u)), part, head), c);
}

// Adds 16 vec4s of others from `first` on, times their shares, to sums of the channels from `firstChannel` on.
fn addShares(lane: u32, first: u32, corner: vec3<u32>, part: u32, head: u32, firstChannel: u32,
             shares: ptr<function, Products>, sums: ptr<function, Products>) {
  let c = firstChannel / 4u + lane % 16u;
  var next0 = otherChannels(lane, first, corner, part, head, c);
  var next1 = otherChannels(lane, first + 1u, corner, part, head, c);
  for (var firstOther = 0u; firstOther < 64u; firstOther += stepOthers) {
    workgroupBarrier();
    if (firstOther % 32u == 0u) {
      storeShares(lane, shares);
    }
    tile[channelsAt + lane % lanes] = next0;
    tile[channelsAt + lanes + lane % lanes] = next1;
    workgroupBarrier();
    let ahead = first + (firstOther + stepOthers) / 4u;
    next0 = otherChannels(lane, ahead, corner, part, head, c);
    next1 = otherChannels(lane, ahead + 1u, corner, part, head, c);
    multiplyShares(lane, firstOther, sums);
  }
}
