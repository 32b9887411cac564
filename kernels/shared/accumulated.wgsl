if (accumulate) {
  value += vec4<f32>(y[at]);
}
y[at] = vec4<stored>(value);
