// What the page can show, registered here and nowhere else: tabs, and the views of each.

import { load } from './api.js';
import { DayView } from './day_view.js';

const ofPeriod = (frame) => async (here, date) =>
  new (await load(() => import('./period_view.js'))).PeriodView(here, frame, date);

// id: its word is tab_ID, its sign that of icons.js; needs(device): whether the house has what it is about;
// views: name in the address to what makes the view, of its context and the date of the address or null. Where
// there are several, the first opens with the tab, and all are offered under the words view_NAME. Now is there from
// the start; what the others need is loaded with their first use.
const TABS = [
  { id: 'now', views: { now: (here) => new DayView(here, null) } },
  {
    id: 'history',
    views: {
      day: async (here, date) => {
        const { DayAround } = await load(() => import('./day_around.js'));
        return new DayView(here, date ?? here.today(), DayAround);
      },
      week: ofPeriod('week'),
      month: ofPeriod('month'),
      year: ofPeriod('year'),
      all: ofPeriod('all'),
      range: ofPeriod('range'),
    },
  },
  {
    id: 'battery',
    needs: ({ has_battery: has }) => has !== false,
    views: { battery: async (here) => (await load(() => import('./battery_view.js'))).batteryView(here) },
  },
  {
    id: 'roof',
    views: { roof: async (here, date) => (await load(() => import('./roof_view.js'))).roofView(here, date) },
  },
  {
    id: 'money',
    needs: ({ p1_first_ts: p1 }) => Boolean(p1), // capacity is measured by a P1 meter alone
    views: {
      capacity: async (here, date) =>
        new (await load(() => import('./capacity_view.js'))).CapacityView(here, date),
    },
  },
  {
    id: 'system',
    views: { system: async (here) => (await load(() => import('./system_view.js'))).systemView(here) },
  },
];

// The tabs of a house.
export const tabsOf = (device) => TABS.filter(({ needs }) => needs?.(device) ?? true);

// The tab of a view.
export const tabOf = (device, name) => tabsOf(device).find(({ views }) => Object.keys(views).includes(name));
