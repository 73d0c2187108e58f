const NAMES = ['周日', '周一', '周二', '周三', '周四', '周五', '周六'];
const DAY = 24 * 60 * 60 * 1000;

/** The seven days that begin with the given one. */
export function weekFrom(first) {
  return NAMES.map((_, index) => {
    const day = new Date(first.getTime() + index * DAY);
    return { name: NAMES[day.getDay()], date: `${day.getMonth() + 1}-${day.getDate()}`, today: index === 0 };
  });
}
