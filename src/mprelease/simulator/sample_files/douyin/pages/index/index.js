import { weekFrom } from '../../utils/week';

Page({
  data: { week: [] },
  onLoad() {
    this.setData({ week: weekFrom(new Date()) });
  },
  onChoose(event) {
    tt.showToast({ title: event.detail.date, icon: 'none' });
  },
  onAbout() {
    tt.navigateTo({ url: '/pages/about/about?from=index' });
  },
});
