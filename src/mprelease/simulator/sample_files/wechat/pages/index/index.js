import { weekFrom } from '../../utils/week';

Page({
  data: { week: [] },
  onLoad() {
    this.setData({ week: weekFrom(new Date()) });
  },
  onChoose(event) {
    wx.showToast({ title: event.detail.date, icon: 'none' });
  },
  onAbout() {
    wx.navigateTo({ url: '/pages/about/about?from=index' });
  },
});
