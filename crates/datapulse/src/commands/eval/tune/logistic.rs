//! Logistic regression by Newton's method, with a ridge that pulls coefficients to where they began:
//! where little was seen, little changes.

/// Newton's steps: it has converged after a handful.
const STEPS: usize = 50;
/// What a coefficient's distance from its start costs, in squared units.
pub const RIDGE: f64 = 1.0;

/// What was seen, whether it was right, and what it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The first is 1, for the base.
    pub x: Vec<f64>,
    pub right: bool,
    pub weight: f64,
}

/// Coefficients of the most likely curve.
pub fn fit(points: &[Point], start: &[f64]) -> Vec<f64> {
    let mut beta = start.to_vec();
    for _ in 0..STEPS {
        let size = beta.len();
        let mut gradient = vec![0.0; size];
        let mut hessian = vec![vec![0.0; size]; size];
        for point in points {
            let z: f64 = point.x.iter().zip(&beta).map(|(x, b)| x * b).sum();
            let p = analyst::weigh::confidence::logistic(z);
            let off = f64::from(u8::from(point.right)) - p;
            let bend = point.weight * p * (1.0 - p);
            for ((slope, row), x) in gradient.iter_mut().zip(&mut hessian).zip(&point.x) {
                *slope += point.weight * off * x;
                for (entry, other) in row.iter_mut().zip(&point.x) {
                    *entry += bend * x * other;
                }
            }
        }
        for i in 0..size {
            gradient[i] -= RIDGE * (beta[i] - start[i]);
            hessian[i][i] += RIDGE;
        }
        let step = solve(hessian, gradient);
        let most = step.iter().fold(0.0f64, |most, one| most.max(one.abs()));
        // A long step overshoots where the curve is flat.
        let damped = 1.0 / most.max(1.0);
        for (coefficient, change) in beta.iter_mut().zip(step) {
            *coefficient += damped * change;
        }
        if most < 1e-9 {
            break;
        }
    }
    beta
}

/// Gaussian elimination; the matrix is positive definite by its ridge.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let size = b.len();
    for pivot in 0..size {
        let (above, below) = a.split_at_mut(pivot + 1);
        let above = &above[pivot];
        for (row, offset) in below.iter_mut().zip(pivot + 1..) {
            let factor = row[pivot] / above[pivot];
            for (entry, other) in row.iter_mut().zip(above).skip(pivot) {
                *entry -= factor * other;
            }
            b[offset] -= factor * b[pivot];
        }
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size)
            .map(|column| a[row][column] * b[column])
            .sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(shares: &[(f64, usize, usize)]) -> Vec<Point> {
        let mut points = Vec::new();
        for (x, right, all) in shares {
            for index in 0..*all {
                points.push(Point {
                    x: vec![1.0, *x],
                    right: index < *right,
                    weight: 1.0,
                });
            }
        }
        points
    }

    #[test]
    fn many_points_are_believed() {
        // Shares of .25 at 0 and .75 at 1: logits of -1.0986 and 1.0986.
        let beta = fit(&points(&[(0.0, 250, 1000), (1.0, 750, 1000)]), &[0.0, 0.0]);
        assert!((beta[0] + 1.0986).abs() < 0.05, "{beta:?}");
        assert!((beta[1] - 2.1972).abs() < 0.05, "{beta:?}");
    }

    #[test]
    fn few_points_stay_where_they_began_and_none_changes_nothing() {
        assert_eq!(fit(&[], &[-1.0, 2.0]), [-1.0, 2.0]);
        let beta = fit(&points(&[(1.0, 1, 1)]), &[-1.0, 2.0]);
        assert!(beta.iter().all(|one| one.is_finite()));
        assert!((beta[1] - 2.0).abs() < 2.0, "{beta:?}");
    }
}
