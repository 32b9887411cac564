// Four channels of what begins there in dy; zeros beyond the head.
fn gradientComponents(at: u32, c: u32) -> vec4<component> {
  let isInside = headWidth == 64u || c < headWidth / 4u;
  return keptIf(isInside, vec4<component>(dy[select(0u, at + c, isInside)]));
}
