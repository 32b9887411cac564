// The bias of a vec4 of columns; zeros where there is none.
fn biasAt(column: u32) -> vec4<f32> {
  if (hasBias && column < outWidth / 4u) {
    return vec4<f32>(bias[column]);
  }
  return vec4<f32>(0.0);
}

// Writes a sum, its bias included: activation, then residual, then what y holds where accumulate.
fn store(token: u32, column: u32, sum: vec4<f32>) {
  if (token >= tokens || column >= outWidth / 4u) {
    return;
  }
  var value = sum;
  if (activation == 1u) {
    value = relu(value);
  } else if (activation == 2u) {
    value = gelu(value);
  }
  let at = token * (outWidth / 4u) + column;
  if (hasResidual) {
    value += vec4<f32>(residual[at]);
  }
  if (accumulate) {
    value += vec4<f32>(y[at]);
  }
  y[at] = vec4<stored>(value);
}
