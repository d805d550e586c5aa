//! Who is in the shop, who calls whom, and what each is called.

/// A service as the shop has it; `calls` holds indices and the calls a request makes.
#[derive(Debug, Clone)]
pub struct Service {
    pub calls: &'static [(usize, f64)],
    /// Its own time for a request, in milliseconds.
    pub own_ms: f64,
    /// Requests a second that one instance holds.
    pub capacity: f64,
    pub criticality: u8,
    pub pool: bool,
}

pub const FRONTEND: usize = 0;
pub const CHECKOUT: usize = 1;
pub const CART: usize = 2;
pub const CATALOG: usize = 3;
pub const SEARCH: usize = 4;
pub const PAYMENT: usize = 5;
pub const ORDER: usize = 6;
pub const SHIPPING: usize = 7;
pub const INVENTORY: usize = 8;
pub const PRICING: usize = 9;
pub const FRAUD: usize = 10;
pub const NOTIFICATION: usize = 11;
/// How many services there are.
pub const SERVICES: usize = 12;

/// Callees stand after their callers, so that a walk from the end meets callees first.
pub const SHOP: [Service; SERVICES] = [
    Service {
        calls: &[(CHECKOUT, 0.35), (CART, 0.5), (CATALOG, 0.6), (SEARCH, 0.4)],
        own_ms: 12.0,
        capacity: 60.0,
        criticality: 1,
        pool: false,
    },
    Service {
        calls: &[(PAYMENT, 0.9), (ORDER, 0.9), (SHIPPING, 0.6)],
        own_ms: 18.0,
        capacity: 40.0,
        criticality: 1,
        pool: false,
    },
    Service {
        calls: &[(PRICING, 0.8)],
        own_ms: 9.0,
        capacity: 14.0,
        criticality: 2,
        pool: true,
    },
    Service {
        calls: &[(PRICING, 0.7)],
        own_ms: 15.0,
        capacity: 40.0,
        criticality: 2,
        pool: true,
    },
    Service {
        calls: &[],
        own_ms: 30.0,
        capacity: 40.0,
        criticality: 3,
        pool: false,
    },
    Service {
        calls: &[(FRAUD, 0.8)],
        own_ms: 35.0,
        capacity: 30.0,
        criticality: 1,
        pool: true,
    },
    Service {
        calls: &[(INVENTORY, 1.0), (NOTIFICATION, 0.5)],
        own_ms: 22.0,
        capacity: 30.0,
        criticality: 1,
        pool: true,
    },
    Service {
        calls: &[],
        own_ms: 28.0,
        capacity: 30.0,
        criticality: 2,
        pool: false,
    },
    Service {
        calls: &[],
        own_ms: 20.0,
        capacity: 30.0,
        criticality: 2,
        pool: true,
    },
    Service {
        calls: &[],
        own_ms: 8.0,
        capacity: 60.0,
        criticality: 3,
        pool: false,
    },
    Service {
        calls: &[],
        own_ms: 25.0,
        capacity: 30.0,
        criticality: 2,
        pool: false,
    },
    Service {
        calls: &[],
        own_ms: 14.0,
        capacity: 30.0,
        criticality: 4,
        pool: false,
    },
];

/// Who calls the provider outside, and how often a request does.
pub const CALLS_OUTSIDE: (usize, f64) = (PAYMENT, 1.0);

/// What everything is called: names are data, so that tests can change all of them.
#[derive(Debug, Clone)]
pub struct Naming {
    pub services: [String; SERVICES],
    pub provider: String,
    pub fallback_provider: String,
    /// False: error types and messages are made of words that mean nothing.
    pub plain_words: bool,
}

impl Default for Naming {
    fn default() -> Self {
        let names = [
            "frontend-service",
            "checkout-service",
            "cart-service",
            "catalog-service",
            "search-service",
            "payment-service",
            "order-service",
            "shipping-service",
            "inventory-service",
            "pricing-service",
            "fraud-service",
            "notification-service",
        ];
        Self {
            services: names.map(str::to_owned),
            provider: "card-network".to_owned(),
            fallback_provider: "card-network-b".to_owned(),
            plain_words: true,
        }
    }
}

impl Naming {
    /// Names and words that say nothing.
    pub fn opaque() -> Self {
        let names = [
            "kor", "vel", "tam", "ris", "pol", "nax", "zed", "lum", "quo", "fen", "bir", "dax",
        ];
        Self {
            services: names.map(str::to_owned),
            provider: "ext-one".to_owned(),
            fallback_provider: "ext-two".to_owned(),
            plain_words: false,
        }
    }

    pub fn index(&self, service: &str) -> Option<usize> {
        self.services.iter().position(|name| name == service)
    }

    /// A service's error: its type and its message, with a number in it.
    pub fn error(&self, kind: ErrorKind, number: u64) -> (String, String) {
        let (name, text) = match kind {
            ErrorKind::Connections => (
                "DatabaseConnectionTimeout",
                format!(
                    "could not get a connection from the pool within {} ms",
                    1000 + number % 500
                ),
            ),
            ErrorKind::Configuration => (
                "ConfigurationError",
                format!(
                    "carrier account {} is not allowed for this endpoint",
                    10 + number % 80
                ),
            ),
            ErrorKind::Provider => (
                "ProviderUnavailable",
                format!("the provider answered 503 after {} ms", 1500 + number % 900),
            ),
            ErrorKind::Flag => (
                "IllegalStateError",
                format!("order {} has no reservation in the new flow", number % 9000),
            ),
            ErrorKind::Memory => (
                "OutOfMemoryError",
                format!("could not allocate {} bytes", 4096 * (1 + number % 60)),
            ),
            ErrorKind::Overload => (
                "QueueFullError",
                format!("queue is full, {} requests wait", 200 + number % 300),
            ),
            ErrorKind::Slow => (
                "DeadlineExceeded",
                format!("no answer within {} ms", 2000 + number % 100),
            ),
            ErrorKind::Usual => (
                "ValidationError",
                format!("request {} has no customer id", number % 9000),
            ),
        };
        if self.plain_words {
            (name.to_owned(), text)
        } else {
            (
                format!("Kind{}", kind as u8),
                format!("happening {} in part {}", number % 9000, kind as u8),
            )
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Connections,
    Configuration,
    Provider,
    Flag,
    Memory,
    Overload,
    Slow,
    Usual,
}
