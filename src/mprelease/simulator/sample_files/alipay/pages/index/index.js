import { weekFrom } from '../../utils/week';

Page({
  data: { week: [] },
  onLoad() {
    this.setData({ week: weekFrom(new Date()) });
  },
  onChoose(date) {
    my.showToast({ content: date });
  },
  onAbout() {
    my.navigateTo({ url: '/pages/about/about?from=index' });
  },
});
