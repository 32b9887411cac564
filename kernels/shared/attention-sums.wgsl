// Adds 8 vec4s of others from `first` on, times their shares, to sums of the channels from `firstChannel` on. The shares are the near
// half of what was made; the far half moves up, as registers cannot be indexed by a loop.
fn addShares(lane: u32, first: u32, corner: vec3<u32>, part: u32, head: u32, firstChannel: u32,
             shares: ptr<function, Products>, sums: ptr<function, Products>) {
  let c = firstChannel / 4u + lane % 16u;
  for (var firstOther = 0u; firstOther <= 32u; firstOther += stepOthers) {
    let next0 = otherChannels(lane, first + firstOther / 4u, corner, part, head, c);
    let next1 = otherChannels(lane, first + firstOther / 4u + 1u, corner, part, head, c);
    if (firstOther > 0u) {
      multiplyShares(lane, firstOther - stepOthers, sums);
    }
    workgroupBarrier();
    if (firstOther == 0u) {
      storeShares(lane, shares);
    }
    tile[channelsAt + lane % lanes] = next0;
    tile[channelsAt + lanes + lane % lanes] = next1;
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u; r++) {
    (*shares)[r] = (*shares)[4u + r];
  }
}
