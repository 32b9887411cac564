override tokens: u32;
override inWidth: u32;
override outWidth: u32;
override hasBias: bool = false;
override activation: u32 = 0u;
override hasResidual: bool = false;
override accumulate: bool = false;
