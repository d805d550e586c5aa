pub struct Roots;
pub struct Stamped;
pub struct TimeStamp;
