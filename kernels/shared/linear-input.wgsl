// A vec4 of a token's inputs, normalised where that is asked for.
fn inputAt(token: u32, k4: u32) -> vec4<f32> {
  let value = vec4<f32>(x[token * (inWidth / 4u) + k4]);
  if (normalise) {
    let own = statistics[token];
    return (value - own.x) * own.y * vec4<f32>(normWeight[k4]) + vec4<f32>(normBias[k4]);
  }
  return value;
}
