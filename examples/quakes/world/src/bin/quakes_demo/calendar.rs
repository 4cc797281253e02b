/// `2018-02-06 15:50 UTC`, by Howard Hinnant's `civil_from_days`.
pub fn utc(time_ms: u64) -> String {
    let minutes = time_ms / 60_000;
    let days = (minutes / 1440 + 719_468) as i64;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", minutes % 1440 / 60, minutes % 60)
}

/// `2 days 3 hours`, to the nearest hour.
pub fn days_and_hours(duration_ms: u64) -> String {
    let hours = (duration_ms + 1_800_000) / 3_600_000;
    let unit = |count: u64, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    format!("{} {}", unit(hours / 24, "day"), unit(hours % 24, "hour"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_a_calendar_says() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(1_517_932_242_400), "2018-02-06 15:50 UTC");
        assert_eq!(utc(1_582_934_400_000), "2020-02-29 00:00 UTC");
    }

    #[test]
    fn durations_are_rounded_to_the_hour() {
        assert_eq!(days_and_hours((2 * 24 + 3) * 3_600_000 - 1), "2 days 3 hours");
        assert_eq!(days_and_hours(25 * 3_600_000), "1 day 1 hour");
    }
}
